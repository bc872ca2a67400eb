"""Records what the official Python serializers write: run it after `pip install confluent-kafka[protobuf,json]
grpcio-tools googleapis-common-protos`, in this folder. It writes orders.json and people.json."""

import base64
import importlib
import json
import os
import sys
import tempfile

import grpc_tools
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format
from grpc_tools import protoc

CONTEXT = SerializationContext("orders", MessageField.VALUE)


def compiled():
    """The module of order.proto."""
    folder = tempfile.mkdtemp()
    common = os.path.dirname(os.path.dirname(os.path.dirname(importlib.import_module("google.type.date_pb2").__file__)))
    own = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    assert protoc.main(["", "-I.", f"-I{own}", f"-I{common}", f"--python_out={folder}", "order.proto"]) == 0
    sys.path.insert(0, folder)
    return importlib.import_module("order_pb2")


def orders(pb):
    line = {"article": "tea", "change": -2, "prices": [1.5, -0.25]}
    full = {
        "id": "-5", "balance": "-7", "count": 4000000000, "hash": "9223372036854775807", "shift": -9, "open": True,
        "customer": "Żółw", "blob": base64.b64encode(b"\x00\xff").decode(), "state": "PAID", "note": "",
        "at": "2024-02-29T12:30:15.250Z", "day": {"year": 2024, "month": 2, "day": 29},
        "time": {"hours": 1, "minutes": 2, "seconds": 3, "nanos": 4000000}, "maybe": "", "numbers": [1, -1, 300],
        "lines": [line, {}], "named": {"a": line}, "credit": line, "rate": 2.5, "parent": {"id": "6", "card": "x"},
    }
    return [json_format.ParseDict(value, pb.Order()) for value in [full, {}, {"card": ""}]]


def record_orders():
    registry = SchemaRegistryClient.new_client({"url": "mock://orders"})
    pb = compiled()
    serializer = ProtobufSerializer(pb.Order, registry, {"use.deprecated.format": False})
    payloads = [serializer(order, CONTEXT).hex() for order in orders(pb)]
    latest = registry.get_latest_version("orders-value")
    return {"schema": latest.schema.schema_str, "payloads": payloads}


PERSON = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "height": {"type": "number"},
        "friend": {"oneOf": [{"type": "null"}, {"$ref": "#"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}


def record_people():
    registry = SchemaRegistryClient.new_client({"url": "mock://people"})
    serializer = JSONSerializer(json.dumps(PERSON), registry)
    people = [
        {"name": "Ada", "age": 36, "height": 1.65, "tags": ["a", "b"], "friend": {"name": "Żółw"}},
        {"name": "Bob"},
    ]
    payloads = [serializer(person, CONTEXT).hex() for person in people]
    latest = registry.get_latest_version("orders-value")
    return {"schema": latest.schema.schema_str, "payloads": payloads}


for name, recorded in [("orders", record_orders()), ("people", record_people())]:
    with open(f"{name}.json", "w", encoding="utf-8") as file:
        json.dump(recorded, file, indent=1)
        file.write("\n")
