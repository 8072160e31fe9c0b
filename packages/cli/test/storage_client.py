"""A program as they are published: it signs in with what the environment says, and tells how each request ended."""
import datetime
import json
import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient, BlobServiceClient, generate_blob_sas

account, url, container_name = sys.argv[1:]
service = BlobServiceClient(url, DefaultAzureCredential())
container = service.get_container_client(container_name)
outcomes = {}


def attempt(name, act):
    try:
        outcomes[name] = act()
    except HttpResponseError as error:
        outcomes[name] = f"{error.status_code} {getattr(error, 'error_code', None) or error.message}"


def signed():
    now = datetime.datetime.now(datetime.timezone.utc)
    later = now + datetime.timedelta(hours=1)
    key = service.get_user_delegation_key(now - datetime.timedelta(minutes=1), later)
    sas = generate_blob_sas(account, container_name, "shared.txt", user_delegation_key=key, permission="r", expiry=later)
    return BlobClient.from_blob_url(f"{container.url}/shared.txt?{sas}").download_blob().readall().decode()


attempt("create", lambda: container.create_container() and 201)
attempt("write", lambda: container.upload_blob("a.txt", b"text") and 201)
attempt("share", lambda: container.upload_blob("shared.txt", b"shared") and 201)
attempt("read", lambda: container.download_blob("shared.txt").readall().decode())
attempt("list", lambda: [blob.name for blob in container.list_blobs()])
attempt("signed", signed)
attempt("batch", lambda: [answer.status_code for answer in container.delete_blobs("a.txt")])
print(json.dumps(outcomes))
