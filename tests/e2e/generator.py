"""How requests are made: about what is there as often as not, and nothing that goes on until its time is over."""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query:
        for endless in ("watch", "follow"):
            query.pop(endless, None)
    return query


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if path_parameters and len(str(path_parameters)) % 4:
        for name in ("name", "namespace"):
            if name in path_parameters:
                path_parameters[name] = {"name": "there", "namespace": "default"}[name]
    return path_parameters
