"""What may be done: the right of the user AND that of the acting role AND the scope of the plan, asked before each act.

The rule kept here: a right that nobody gave is not there, and every answer says why. Cedar decides (`cedar`), on the
policies that come along, those an owner stored (`stored`) and the grants (`grants`); `judging` puts the questions.
"""

from roadmap_cli.wf.rights.judging import (
    Verdict,
    may_answer,
    may_begin,
    may_give,
    may_judge,
    may_perform,
    weighed_step,
)
from roadmap_cli.wf.rights.remembered import Remembered

__all__ = ["Remembered", "Verdict", "may_answer", "may_begin", "may_give", "may_judge", "may_perform", "weighed_step"]
