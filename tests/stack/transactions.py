"""A transactional producer: the installed librdkafka itself, by its C interface."""
import base64
import ctypes

from process import StackError

COPY = 2
SECONDS = 30


class Producer:
    """Writes records of recordings in transactions. A second one with the same name takes over: what the first left open is aborted."""

    def __init__(self, kafka, name):
        self.lib = _library()
        conf = self.lib.rd_kafka_conf_new()
        text = ctypes.create_string_buffer(512)
        for key, value in {"bootstrap.servers": kafka.address, "transactional.id": name, "transaction.timeout.ms": "60000",
                           "log_level": "0"}.items():
            if self.lib.rd_kafka_conf_set(conf, key.encode(), value.encode(), text, len(text)):
                raise StackError(f"{key}: {text.value.decode()}")
        self.handle = self.lib.rd_kafka_new(0, conf, text, len(text))
        if not self.handle:
            raise StackError(f"a producer: {text.value.decode()}")
        self.topics = {}
        self._do("init_transactions", SECONDS * 1000)

    def begin(self, records):
        """Begins a transaction and writes records into it; returns when the broker has them."""
        self._do("begin_transaction")
        for record in records:
            self._produce(record)
        if self.lib.rd_kafka_flush(self.handle, SECONDS * 1000):
            raise StackError("the broker does not take the records")

    def commit(self):
        """Ends it well."""
        self._do("commit_transaction", SECONDS * 1000)

    def abort(self):
        """Takes it back."""
        self._do("abort_transaction", SECONDS * 1000)

    def _produce(self, record):
        name = record["topic"]
        if name not in self.topics:
            self.topics[name] = self.lib.rd_kafka_topic_new(self.handle, name.encode(), None)
        key, value = base64.b64decode(record["key"]), base64.b64decode(record["value"])
        if self.lib.rd_kafka_produce(self.topics[name], record["partition"], COPY, value, len(value), key, len(key), None):
            raise StackError(f"a record of {name} cannot be written")

    def _do(self, what, *arguments):
        error = getattr(self.lib, f"rd_kafka_{what}")(self.handle, *arguments)
        if error:
            raise StackError(f"{what}: {self.lib.rd_kafka_error_string(error).decode()}")


def _library():
    lib = ctypes.CDLL("librdkafka.so.1")
    pointer, size, number, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    kinds = {"conf_new": (pointer, []), "conf_set": (number, [pointer, text, text, text, size]),
             "new": (pointer, [number, pointer, text, size]), "topic_new": (pointer, [pointer, text, pointer]),
             "produce": (number, [pointer, ctypes.c_int32, number, text, size, text, size, pointer]), "flush": (number, [pointer, number]),
             "begin_transaction": (pointer, [pointer]), "error_string": (text, [pointer])}
    kinds.update({name: (pointer, [pointer, number]) for name in ("init_transactions", "commit_transaction", "abort_transaction")})
    for name, (result, arguments) in kinds.items():
        function = getattr(lib, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return lib
