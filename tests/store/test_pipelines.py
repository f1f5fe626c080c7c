"""Pipelines as they are applied: versions that never change, one of them in force."""

import pytest
from making import pipeline

from chalicelib.core.errors import NotFound
from chalicelib.store.pipelines import PostgresPipelines


@pytest.fixture
def pipelines(plane):
    return PostgresPipelines(plane)


def test_a_document_comes_back_equal_with_its_columns_in_order(pipelines):
    document = pipeline(columns={"z": "text", "a": "bigint"}, transforms=[{"derive": {"y": "1", "b": "2"}}])
    applied = pipelines.apply(document)
    assert (document, 1, document.digest()) == (applied.pipeline, applied.number, applied.digest)
    assert ["z", "a"] == list(pipelines.document("test", document.digest()).columns)


def test_the_same_document_again_makes_no_version_and_an_edit_does(pipelines):
    first, second = pipeline(), pipeline(description="edited")
    assert [1, 1, 2, 1] == [pipelines.apply(each).number for each in (first, first, second, first)]
    assert first == pipelines.current("test").pipeline
    assert second == pipelines.document("test", second.digest())


def test_a_name_that_nobody_applied_is_told_with_the_nearest(pipelines):
    pipelines.apply(pipeline(name="orders"))
    with pytest.raises(NotFound, match=r"there is no pipeline order; did you mean orders\?"):
        pipelines.current("order")


def test_all_pipelines_are_listed_by_name(pipelines):
    for name in ("b", "a"):
        pipelines.apply(pipeline(name=name))
    assert ["a", "b"] == [each.pipeline.name for each in pipelines.all()]
