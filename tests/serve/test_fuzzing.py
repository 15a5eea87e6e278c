"""Whatever is sent, no answer is a defect: requests made from the server's own description, and broken ones."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from running import NAME, running


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["positive", "negative"])
@pytest.mark.untraced
def test_nothing_that_is_sent_is_a_defect(kind):
    import schemathesis  # takes a second, which the unit part has no need to spend
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance

    statuses, mode = Counter(), schemathesis.GenerationMode(kind)
    assert len(schemathesis.GenerationMode) == 2
    with running(context=512) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            if mode == schemathesis.GenerationMode.NEGATIVE and not operation.body:
                continue  # nothing can be wrong with it

            @settings(
                max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case):
                if isinstance(case.body, dict) and "model" in case.body:
                    case.body["model"] = NAME  # so that requests reach the model
                    case.body.pop("suffix", None)
                answer = case.call(timeout=60)
                statuses[answer.status_code] += 1
                case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

            check()
    assert max(statuses) < 500
    assert mode == schemathesis.GenerationMode.NEGATIVE or statuses[200] > 10, statuses
