"""Calls the management plane with azure-mgmt-batch, `sync` or `async`; bodies are as on the wire, for all generations."""
import io
import os
import sys
import urllib.request
import zipfile

import azure.identity.aio
from azure.identity import ClientSecretCredential
from azure.mgmt.batch import BatchManagementClient, aio

from blocking import Blocking
from recorder import Recorder, until

endpoint, subscription = os.environ["MANAGEMENT_URL"], os.environ["SUBSCRIPTION_ID"]
principal = [os.environ[f"AZURE_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")]
authority = {"authority": endpoint, "disable_instance_discovery": True}
options = {"base_url": endpoint, "polling_interval": 0.2}
recorder = Recorder()
section, refused = recorder.section, recorder.refused
if sys.argv[1] == "async":
    credential = azure.identity.aio.ClientSecretCredential(*principal, **authority)
    client = recorder.watch_groups(aio.BatchManagementClient(credential, subscription, **options), use=Blocking)
else:
    credential = ClientSecretCredential(*principal, **authority)
    client = recorder.watch_groups(BatchManagementClient(credential, subscription, **options))

name = f"{sys.argv[1]}{os.getpid()}"
group = os.environ["RESOURCE_GROUP"]
account = group, name
location = "westeurope"
storage = (f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/"
           + os.environ["STORAGE_ACCOUNT"])


def names(resources):
    return [each.name for each in resources]


@section
def accounts():
    parameters = {"location": location, "properties": {"autoStorage": {"storageAccountId": storage}}}
    assert client.batch_account.begin_create(*account, parameters).result().name == name
    assert client.batch_account.get(*account).account_endpoint
    assert client.batch_account.update(*account, {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert name in names(client.batch_account.list())
    assert name in names(client.batch_account.list_by_resource_group(group))
    keys = client.batch_account.get_keys(*account)
    assert client.batch_account.regenerate_key(*account, {"keyName": "Primary"}).primary != keys.primary
    client.batch_account.synchronize_auto_storage_keys(*account)
    assert list(client.batch_account.list_detectors(*account)) == []
    refused("ResourceNotFound", client.batch_account.get_detector, *account, "none")
    assert all(each.category for each in client.batch_account.list_outbound_network_dependencies_endpoints(*account))


@section
def locations():
    assert client.location.get_quotas(location).account_quota > 0
    taken = {"name": name, "type": "Microsoft.Batch/batchAccounts"}
    assert not client.location.check_name_availability(location, taken).name_available
    assert list(client.location.list_supported_virtual_machine_skus(location))
    if hasattr(client.location, "list_supported_cloud_service_skus"):
        assert list(client.location.list_supported_cloud_service_skus(location)) == []
    assert "Microsoft.Batch/batchAccounts/read" in names(client.operations.list())


@section
def applications():
    client.application.create(*account, "tool", {"properties": {"displayName": "a tool"}})
    assert names(client.application.list(*account)) == ["tool"]
    package = *account, "tool", "1.0"
    url = client.application_package.create(*package).storage_url
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("file", "hello")
    headers = {"x-ms-blob-type": "BlockBlob"}
    urllib.request.urlopen(urllib.request.Request(url, content.getvalue(), headers, method="PUT")).close()
    client.application_package.activate(*package, {"format": "zip"})
    assert client.application_package.get(*package).state == "Active"
    assert names(client.application_package.list(*account, "tool")) == ["1.0"]
    client.application.update(*account, "tool", {"properties": {"defaultVersion": "1.0"}})
    assert client.application.get(*account, "tool").default_version == "1.0"
    client.application.update(*account, "tool", {"properties": {"defaultVersion": ""}})
    client.application_package.delete(*package)
    client.application.delete(*account, "tool")


@section
def certificates():
    if not hasattr(client, "certificate"):
        return
    certificate = *account, f"sha1-{os.environ['CERTIFICATE_THUMBPRINT']}"
    properties = {"format": "Cer", "data": os.environ["CERTIFICATE"], "thumbprintAlgorithm": "sha1",
                  "thumbprint": os.environ["CERTIFICATE_THUMBPRINT"]}
    client.certificate.create(*certificate, {"properties": properties})
    assert client.certificate.get(*certificate).format == "Cer"
    assert len(list(client.certificate.list_by_batch_account(*account))) == 1
    client.certificate.update(*certificate, {"properties": properties})
    refused("CertificateStateActive", client.certificate.cancel_deletion, *certificate)
    client.certificate.begin_delete(*certificate).result()


@section
def pools():
    pool = *account, "pool"
    image = {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
    machine = {"imageReference": image, "nodeAgentSkuId": "batch.node.ubuntu 22.04"}
    properties = {"vmSize": "standard_d2s_v3", "deploymentConfiguration": {"virtualMachineConfiguration": machine},
                  "scaleSettings": {"autoScale": {"formula": "$TargetDedicatedNodes=0;"}}}
    assert client.pool.create(*pool, {"properties": properties}).name == "pool"
    assert names(client.pool.list_by_batch_account(*account, filter="name eq 'pool'")) == ["pool"]
    client.pool.update(*pool, {"properties": {"metadata": [{"name": "a", "value": "b"}]}})
    until(lambda: client.pool.get(*pool).allocation_state, lambda state: state == "Steady")
    client.pool.disable_auto_scale(*pool)
    fixed = {"fixedScale": {"targetDedicatedNodes": 40}}
    client.pool.update(*pool, {"properties": {"scaleSettings": fixed}})
    client.pool.stop_resize(*pool)
    client.pool.begin_delete(*pool).result()


@section
def networks():
    assert list(client.private_link_resource.list_by_batch_account(*account)) == []
    refused("ResourceNotFound", client.private_link_resource.get, *account, "none")
    connection = *account, "none"
    assert list(client.private_endpoint_connection.list_by_batch_account(*account)) == []
    refused("ResourceNotFound", client.private_endpoint_connection.get, *connection)
    approved = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
    refused("ResourceNotFound", client.private_endpoint_connection.begin_update, *connection, approved)
    client.private_endpoint_connection.begin_delete(*connection).result()
    if hasattr(client, "network_security_perimeter"):
        perimeter = client.network_security_perimeter
        assert list(perimeter.list_configurations(*account)) == []
        refused("ResourceNotFound", perimeter.get_configuration, *connection)
        refused("ResourceNotFound", perimeter.begin_reconcile_configuration, *connection)


@section
def end():
    client.batch_account.begin_delete(*account).result()


recorder.report()
