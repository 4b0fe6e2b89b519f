"""What the document says in words, since no schema can: two keys in one request must agree."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    header = (case.headers or {}).get("Idempotency-Key")
    body = case.body if isinstance(case.body, dict) else {}
    field = body.get("idempotency_key")
    return not header or not field or header == field
