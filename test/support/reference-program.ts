/**
 * A program that lets the published Python packages (`alethic-ism-core`, `alethic-ism-db`) work: one request and one answer a
 * line. It calls their public functions and knows none of the rules itself.
 */
export const referenceProgram = String.raw`
import json
import logging
import sys

# The packages print and log while they are imported; answers are all that this program's output holds.
answers, sys.stdout = sys.stdout, sys.stderr
logging.disable(logging.CRITICAL)

from ismcore.model import processor_state as model
from ismcore.utils.general_utils import build_template_text_content, clean_string_for_ddl_naming
from ismcore.utils.map_utils import flatten

storages = {}


def as_list(rows):
    return rows if isinstance(rows, list) else [rows]


def failure(error):
    return {"error": f"{type(error).__name__}: {error}"}


def key_definitions(definitions):
    return [model.StateDataKeyDefinition(**definition) for definition in definitions] or None


def apply(request):
    state = model.State(
        id="s1",
        config=model.StateConfig(
            primary_key=key_definitions(request["primary_key"]),
            remap_query_state_columns=key_definitions(request["remap"]),
            template_columns=key_definitions(request["template_columns"])),
        columns={each["name"]: model.StateDataColumnDefinition(**each) for each in request["columns"]},
        properties=request["properties"])
    results = []
    for text in request["entries"]:
        try:
            rows = state.apply_query_state(query_state=json.loads(text), skip_data_append=True)
            results.append({"rows": [json.dumps(row) for row in as_list(rows)]})
        except Exception as error:
            results.append(failure(error))
    columns = [[each.name, each.data_type, each.display_order] for each in state.columns.values()]
    return {"answers": results, "columns": columns}


def storage(url):
    from ismdb.state_storage import StateDatabaseStorage
    if url not in storages:
        storages[url] = StateDatabaseStorage(database_url=url, incremental=True)
    return storages[url]


def append(request):
    entries = [json.loads(text) for text in request["entries"]]
    storage(request["database_url"]).append_state_data_direct(state_id=request["state_id"], query_states=entries)
    return {}


def page(request):
    state = storage(request["database_url"]).load_state(
        state_id=request["state_id"], load_data=True, offset=request["offset"], limit=request["limit"])
    rows = range(min(state.count - request["offset"], request["limit"]))
    return {"rows": [json.dumps(state.build_query_state_from_row_data(index=row)) for row in rows]}


def values(request):
    value = json.loads(request["value"])
    return {
        "name": clean_string_for_ddl_naming(request["text"]),
        "key": model.build_state_data_row_key({request["text"]: value}, [model.StateDataKeyDefinition(name=request["text"])])[0],
        "repr": repr(value),
        "ascii": json.dumps(value),
        "unicode": json.dumps(value, ensure_ascii=False),
        "template": build_template_text_content(request["template"], {"k": value, request["text"]: "x"}),
        "flat": [json.dumps(row) for row in as_list(flatten({"k": value, request["text"]: 1}))],
    }


operations = {"apply": apply, "append": append, "page": page, "values": values}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = operations[request["operation"]](request)
    except Exception as error:
        answer = failure(error)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
`;
