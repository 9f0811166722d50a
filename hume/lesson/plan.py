"""The lesson's seven steps with what the one in front of the class needs to know, and three exercises.

Plain words only: pages and the hand-out show the same texts.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One step of the lesson."""

    key: str  # of its address
    title: str  # two or three words for the list of steps
    question: str
    minutes: int
    notes: tuple[str, ...]  # for the presenter, a line each


@dataclass(frozen=True)
class Exercise:
    """A question to take home, with its answer."""

    question: str
    answer: str


PARTS = (
    Part(
        key="guess",
        title="Guess",
        question="What kinds of things are these?",
        minutes=3,
        notes=(
            "Say nothing about the pictures. Ask how many kinds there are, count hands, and note them.",
            "Let two or three people sort the pictures and name their groups; disagreement is welcome.",
            (
                "The guesses are kept for step 6. Nobody has to be right: people who sort by colour or by shape have "
                "found a labeling, too."
            ),
        ),
    ),
    Part(
        key="fit",
        title="Generalize",
        question="Which labelings generalize?",
        minutes=4,
        notes=(
            "Begin with the random labeling: no error on the points it was fitted to. Ask whether it is a good one.",
            "Then brightness: perfect in one view, a coin toss in the other. Only what people see works in both.",
            (
                "Everything in one class has no error at all. Ask what is wrong with it, then turn the entropy weight "
                "from 0 upwards."
            ),
        ),
    ),
    Part(
        key="moves",
        title="The search",
        question="How does the search move?",
        minutes=4,
        notes=(
            "Go through one iteration phase by phase before pressing play; the lit symbols are what moves.",
            "The triangle: softmax never gives a label for certain, sparsemax does. Lower the temperature and watch.",
            "On digits, ask the class to name the found classes as they appear.",
        ),
    ),
    Part(
        key="seeds",
        title="100 seeds",
        question="What do a hundred random starts find?",
        minutes=4,
        notes=(
            "Start the search first, talk afterwards: it takes about half a minute on a laptop.",
            "Each point is one random start. Only the objective is known: ask which point they would bet on.",
            "Then reveal the accuracy. The replay shows which pictures were moved from class to class.",
        ),
    ),
    Part(
        key="trust",
        title="Trust",
        question="Why vote, and what can be trusted?",
        minutes=3,
        notes=(
            "The vote needs no choice between the starts, and a choice could not be checked without labels.",
            "Reliable samples are those on which neighbours and votes agree: the ones to train on.",
            (
                "Show the hard case last: the search runs as smoothly as before; only the panel says that something "
                "is wrong."
            ),
        ),
    ),
    Part(
        key="compare",
        title="Our guesses",
        question="Did we see the same classes?",
        minutes=1,
        notes=(
            "Follow one band from a group of the class to the found classes: where it splits, ask why.",
            "Where class and search agree against the official labels, ask which of them is wrong.",
        ),
    ),
    Part(
        key="handout",
        title="Hand-out",
        question="What do we take home?",
        minutes=1,
        notes=(
            "The file opens in any browser, without a network, for years. The guesses are in it.",
            "The exercises need no computer; their answers are folded in the file as well.",
        ),
    ),
)

EXERCISES = (
    Exercise(
        question="A friend sorts photographs of animals by whether they were taken by day or by night, and a linear "
        "classifier on the brightness of the photographs repeats it without an error. Why is this not yet a sign that "
        "the labeling is what people would call the classes of the photographs?",
        answer="The labeling was judged in the very view that it was made from: brightness. It has to generalize in "
        "another view, one made for another purpose, where day and night are not the easiest thing to tell. A labeling "
        "by animal passes there, a labeling by brightness need not. That is why the method makes labels in one space "
        "and tests them in another.",
    ),
    Exercise(
        question="The search looks for the labeling with the lowest test error. Which labeling has no test error at "
        "all, for any data, and what in the objective keeps the search from it?",
        answer="Everything in one class: a classifier that always answers with this class is never wrong. The "
        "objective subtracts η times the entropy of the class shares (Equations 6 and 7 of the paper). It is 0 for a "
        "single class and largest for equal classes, so an empty class costs more than it can save. The price: classes "
        "of very unequal size are pulled towards equal ones.",
    ),
    Exercise(
        question="Ten starts of a search have cross-validation scores between 91 and 93 %, an eleventh has 97 %. Would "
        "you take the labels of the eleventh? Name two things to look at first, neither of which needs a true label.",
        answer="Look at how even its classes are: few or uneven classes are easier to foretell, so scores only compare "
        "between labelings that are about equally even. And look at whether the other starts agree with it: if ten "
        "agree with each other and the eleventh with nobody, it found something else, perhaps a property such as "
        "brightness that both spaces show. The vote of all starts would not follow it.",
    ),
)


def part(key: str) -> Part:
    """The step of an address."""
    return next(each for each in PARTS if each.key == key)
