"""Datasets and their sources: the tables that SQL definitions read."""

from app.services.datasets.dataset_content import put_dataset_content
from app.services.datasets.dataset_names import dataset_name_warnings
from app.services.datasets.dataset_rows import read_first_rows, read_key_counts
from app.services.datasets.dataset_users import DatasetUser, list_users, users_by_dataset
from app.services.datasets.datasets import (
    check_dataset,
    create_dataset,
    delete_dataset,
    find_dataset,
    get_dataset,
    page_datasets,
    update_dataset,
)
from app.services.datasets.file_checks import check_changed_file, check_new_file
from app.services.datasets.file_reads import read_file
from app.services.datasets.file_sources import ShownFile, shown_file
from app.services.datasets.former_contents import (
    forget_old_contents,
    list_contents,
    newest_contents,
    restore_content,
)
from app.services.datasets.kinds import UPLOAD, is_database, is_file
from app.services.datasets.sources import ShownSource, shown_source, source_of

__all__ = [
    "UPLOAD",
    "DatasetUser",
    "ShownFile",
    "ShownSource",
    "check_changed_file",
    "check_dataset",
    "check_new_file",
    "create_dataset",
    "dataset_name_warnings",
    "delete_dataset",
    "find_dataset",
    "forget_old_contents",
    "get_dataset",
    "is_database",
    "is_file",
    "list_contents",
    "list_users",
    "newest_contents",
    "page_datasets",
    "put_dataset_content",
    "read_file",
    "read_first_rows",
    "read_key_counts",
    "restore_content",
    "shown_file",
    "shown_source",
    "source_of",
    "update_dataset",
    "users_by_dataset",
]
