"""What Kubernetes' library for Python does with the API: every verb, watches, and a watch that is too late."""

import threading

from kubernetes import client, config, dynamic
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

config.load_kube_config()
api = dynamic.DynamicClient(client.ApiClient())
vpcs = api.resources.get(api_version="madang.dev/v1alpha1", kind="Vpc")


def vpc(name, **spec):
    return {
        "apiVersion": "madang.dev/v1alpha1",
        "kind": "Vpc",
        "metadata": {"name": name, "labels": {"made": "here"}},
        "spec": {"cidrs": ["10.0.0.0/16"], **spec},
    }


created = vpcs.create(body=vpc("one"), namespace="default")
assert created.spec.mtu == 1500
try:
    vpcs.create(body=vpc("one"), namespace="default")
    raise SystemExit("created twice")
except ConflictError:
    pass

# A watch from a list's version tells what comes after it.
listed = vpcs.get(namespace="default")
assert [item.metadata.name for item in listed.items] == ["one"]
seen = []


def watch():
    for event in vpcs.watch(namespace="default", resource_version=listed.metadata.resourceVersion, timeout=30):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            return


watcher = threading.Thread(target=watch)
watcher.start()
vpcs.create(body=vpc("two"), namespace="default")
vpcs.patch(name="two", namespace="default", body={"spec": {"mtu": 1400}}, content_type="application/merge-patch+json")
vpcs.delete(name="two", namespace="default")
watcher.join(timeout=60)
kinds = [kind for kind, name in seen if name == "two"]
assert kinds[0] == "ADDED" and "MODIFIED" in kinds and kinds[-1] == "DELETED", seen

# Server-side apply, and a second manager.
applied = vpcs.server_side_apply(body=vpc("three", mtu=1300), namespace="default", field_manager="a")
assert applied.spec.mtu == 1300
try:
    vpcs.server_side_apply(body=vpc("three", mtu=1400), namespace="default", field_manager="b")
    raise SystemExit("no conflict")
except ConflictError as error:
    assert "FieldManagerConflict" in str(error.body), error.body

# An old version is refused.
old = vpcs.get(name="three", namespace="default").to_dict()
vpcs.patch(name="three", namespace="default", body={"spec": {"mtu": 1350}}, content_type="application/merge-patch+json")
old["spec"]["mtu"] = 1200
try:
    vpcs.replace(body=old, namespace="default")
    raise SystemExit("an old version was stored")
except ConflictError:
    pass

# A watch from a version that nobody knows any more: 410, list again.
core = client.CustomObjectsApi()
try:
    for _ in vpcs.watch(namespace="default", resource_version="999999999", timeout=5):
        raise SystemExit("a watch from nowhere told something")
    raise SystemExit("a watch from nowhere ended without a word")
except ApiException as error:
    assert error.status == 410, error
assert core.list_namespaced_custom_object("madang.dev", "v1alpha1", "default", "vpcs")["items"]

# Pages are of one moment.
for n in range(25):
    vpcs.create(body=vpc(f"many-{n}"), namespace="default")
first = core.list_namespaced_custom_object("madang.dev", "v1alpha1", "default", "vpcs", limit=10)
vpcs.create(body=vpc("late"), namespace="default")
names, page = [], first
while True:
    names += [item["metadata"]["name"] for item in page["items"]]
    more = page["metadata"].get("continue")
    if not more:
        break
    page = core.list_namespaced_custom_object("madang.dev", "v1alpha1", "default", "vpcs", limit=10, _continue=more)
assert len(names) == 27 and "late" not in names, names

core.delete_collection_namespaced_custom_object(
    "madang.dev", "v1alpha1", "default", "vpcs", label_selector="made=here"
)
try:
    vpcs.get(name="one", namespace="default")
    raise SystemExit("it is still there")
except NotFoundError:
    pass
print("done")
