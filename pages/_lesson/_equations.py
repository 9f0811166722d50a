"""Eqs. 3, 4 and 7 of the paper, with the symbols highlighted that a phase of Algorithm 1 changes."""

from string import Template

import streamlit as st

from hume.lesson.moves import FIT, PROTOTYPES, SPLIT, TASK, TEST, UPDATE

LIT = r"\colorbox{#ffd166}{$\textcolor{#10161d}{%s}$}"  # dark on amber: readable on a white and on a dark page

# Name in the equations below -> symbol and the phase that changes it.
SYMBOLS = {
    "prototypes": ("W_1", PROTOTYPES),
    "orthonormal": (r"W_1 W_1^\top = I_K", PROTOTYPES),
    "label": (r"\tau_{W_1}(x)", TASK),
    "sparsemax": (r"\mathcal{A}", TASK),
    "labels": (r"\tau_{W_1}", TASK),
    "test": (r"X_{te}", SPLIT),
    "classifier": (r"\hat W_2(W_1)", FIT),
    "loss": (r"\mathcal{L}", TEST),
    "entropy": (r"\eta\,\mathcal{R}(\bar\tau(W_1))", TEST),
    "least": (r"\arg\min_{W_1}", UPDATE),
}
EQUATIONS = Template(
    r"\begin{aligned}"
    r"(3)\quad & ${label} = ${sparsemax}\big(${prototypes}\,\hat\phi_1(x)/\gamma\big),\; ${orthonormal} \\[6pt]"
    r"(4)\quad & ${least}\; ${loss}\big(\sigma(${classifier}\,\phi_2(${test})),\, ${labels}(${test})\big) \\[6pt]"
    r"(7)\quad & ${least}\; ${loss}\big(\sigma(${classifier}\,\phi_2(${test})),\, ${labels}(${test})\big)"
    r" \\ & \qquad\quad -\; ${entropy}"
    r"\end{aligned}"
)


def latex(phase: int) -> str:
    """The equations as LaTeX, with the symbols highlighted that this phase changes."""
    return EQUATIONS.substitute(
        {name: LIT % symbol if moves == phase else symbol for name, (symbol, moves) in SYMBOLS.items()}
    )


def draw(phase: int) -> None:
    """The equations, and the meaning of their symbols."""
    st.latex(rf"\small {latex(phase)}")  # so that the longest fits next to the pictures
    st.caption(
        r"$\mathcal{A}$ sparsemax · $\sigma$ softmax · $\mathcal{L}$ cross-entropy · $\mathcal{R}$ entropy of the "
        r"class sizes · $\hat W_2$ fitted to the labels of the training rows"
    )
