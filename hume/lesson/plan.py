"""The lesson's eight steps with notes for the presenter, and three exercises, as pages and hand-out show them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step of the lesson."""

    key: str  # of its address
    title: str  # short, for the list of steps
    question: str
    minutes: int
    notes: tuple[str, ...]  # for the presenter, a line each


@dataclass(frozen=True)
class Exercise:
    """A question with its answer."""

    question: str
    answer: str


STEPS = (
    Step(
        key="guess",
        title="Guess",
        question="What kinds of things are these?",
        minutes=3,
        notes=(
            "Say nothing about the pictures. Ask how many kinds there are, count hands, and note them.",
            "Let two or three people sort the pictures and name their groups; disagreement is welcome.",
            (
                "The guesses are saved for step 6. There is no wrong answer: sorting by colour or by shape is a "
                "labeling, too."
            ),
        ),
    ),
    Step(
        key="fit",
        title="Generalize",
        question="Which labelings generalize?",
        minutes=3,
        notes=(
            "Begin with the random labeling: no error on the training points. Ask whether it is a good labeling.",
            "Then brightness: perfect in one view, chance level in the other. Only what people see works in both.",
            (
                "Everything in one class has no error at all. Ask what is wrong with it, then turn the entropy weight "
                "from 0 upwards."
            ),
        ),
    ),
    Step(
        key="moves",
        title="The search",
        question="How does the search move?",
        minutes=4,
        notes=(
            "Go through one iteration phase by phase before pressing play; the lit symbols are what moves.",
            "The triangle: softmax never gives a certain label, sparsemax does. Lower the temperature and watch.",
            "On digits, ask the class to name the found classes as they appear.",
        ),
    ),
    Step(
        key="seeds",
        title="100 seeds",
        question="What do a hundred random starts find?",
        minutes=4,
        notes=(
            "Start the search first, then talk: it takes about half a minute on a laptop.",
            "Each point is one random start. Only the objective is known: ask which point they would bet on.",
            "Then reveal the accuracy. The replay shows which pictures were moved from class to class.",
        ),
    ),
    Step(
        key="trust",
        title="Trust",
        question="Why vote, and when is the result reliable?",
        minutes=2,
        notes=(
            "The vote needs no choice between the seeds, and a choice cannot be checked without labels.",
            "Reliable samples are those on which neighbours and votes agree: use them for training.",
            (
                "Show the hard case last: the search converges as before; only the panel reports that the ranking is "
                "not reliable."
            ),
        ),
    ),
    Step(
        key="compare",
        title="Our guesses",
        question="Did we see the same classes?",
        minutes=1,
        notes=(
            "Follow one band from a group of the class to the found classes: where it splits, ask why.",
            "Where class and search agree with each other but not with people's labels, ask which is wrong.",
        ),
    ),
    Step(
        key="answers",
        title="Answers",
        question="What are twenty answers worth?",
        minutes=2,
        notes=(
            "Show a picture, let the class call out, click or press the number. “We cannot tell” is an answer, too.",
            "Before the last question ask: how many of all labels will twenty answers change?",
            (
                "Random labels have to teach the classes; the answers only move the borders of classes that are there. "
                "Without time, let the computer answer."
            ),
        ),
    ),
    Step(
        key="handout",
        title="Hand-out",
        question="What do we take home?",
        minutes=1,
        notes=(
            "The file opens in any browser, without a network, for years. The guesses and answers are in it.",
            "The exercises need no computer; their answers are in the file, folded.",
        ),
    ),
)

EXERCISES = (
    Exercise(
        question="A friend sorts photographs of animals by whether they were taken by day or by night, and a linear "
        "classifier on the brightness of the photographs repeats it without an error. Why is this not yet a sign that "
        "the labeling is what people would call the classes of the photographs?",
        answer="The labeling was tested in the view that it was made in: brightness. It has to generalize in another "
        "view, one trained for another purpose, where day and night are not the easiest distinction. A labeling by "
        "animal generalizes there, a labeling by brightness need not. That is why the method makes labels in one space "
        "and tests them in another.",
    ),
    Exercise(
        question="The search looks for the labeling with the lowest test error. Which labeling has no test error at "
        "all, for any data, and what in the objective prevents it?",
        answer="Everything in one class: a classifier that always predicts this class is never wrong. The "
        "objective subtracts η times the entropy of the class shares (Equations 6 and 7 of the paper). It is 0 for a "
        "single class and largest for equal classes, so an empty class costs more than it can save. The price: classes "
        "of very unequal size are pulled towards equal ones.",
    ),
    Exercise(
        question="Ten seeds of a search have cross-validation accuracies between 91 and 93 %, an eleventh has 97 %. "
        "Would you take the labels of the eleventh? Name two things to check first, neither of which needs a true "
        "label.",
        answer="Check how balanced its classes are: few or unbalanced classes are easier to predict, so scores are "
        "comparable only between labelings that are about equally balanced. And check whether the other seeds agree "
        "with it: if ten agree with each other and the eleventh with none, it found something else, perhaps a property "
        "such as brightness that both spaces have. The vote of all seeds would not follow it.",
    ),
)


def step(key: str) -> Step:
    """The step of an address."""
    return next(step for step in STEPS if step.key == key)
