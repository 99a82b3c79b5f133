"""Plans: wanted compared with held keys, as one immutable file of changes."""

from app.snapshots.plans.agreement import agrees, can_agree, digest_of
from app.snapshots.plans.left_out import (
    LISTED,
    ArmRow,
    PlannedFrom,
    SentRow,
    count_arms,
    find_keepers,
)
from app.snapshots.plans.left_out_pages import LeftOutMember, read_left_out
from app.snapshots.plans.plan import write_plan
from app.snapshots.plans.plan_rows import PlanRows, read_groups, read_plan
from app.snapshots.plans.reach import Reach, count_reach
from app.snapshots.plans.retried_refusals import Retried
from app.snapshots.plans.sharers import Sharer, find_holders
from app.snapshots.plans.sides import Counted
from app.snapshots.plans.single import pick_member, pick_rows, write_sample, write_single_plan
from app.snapshots.plans.unsent_values import UnsentValue, read_unsent
from app.snapshots.plans.wanted_pages import read_member, read_wanted

__all__ = [
    "LISTED",
    "ArmRow",
    "Counted",
    "LeftOutMember",
    "PlanRows",
    "PlannedFrom",
    "Reach",
    "Retried",
    "SentRow",
    "Sharer",
    "UnsentValue",
    "agrees",
    "can_agree",
    "count_arms",
    "count_reach",
    "digest_of",
    "find_holders",
    "find_keepers",
    "pick_member",
    "pick_rows",
    "read_groups",
    "read_left_out",
    "read_member",
    "read_plan",
    "read_unsent",
    "read_wanted",
    "write_plan",
    "write_sample",
    "write_single_plan",
]
