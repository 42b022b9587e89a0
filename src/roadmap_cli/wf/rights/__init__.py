"""Who may do what: the rights of people and of acting roles, and the scope of a plan.

The rule kept here: a right that nobody gave is not there, and every answer says why. Cedar decides (`cedar`), on the
policies that come along, those an owner stored (`stored`) and the grants (`grants`); `asking` puts a question to it,
`judging` knows those about plans, tasks and rights; `explaining` says why, `mending` what to type. Whether a step may
be done is asked by `wf.running.permission`.
"""

from roadmap_cli.wf.rights.asking import Verdict
from roadmap_cli.wf.rights.judging import may_answer, may_begin, may_give, may_judge

__all__ = ["Verdict", "may_answer", "may_begin", "may_give", "may_judge"]
