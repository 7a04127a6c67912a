#!/usr/bin/env python3
"""A provider for the demo: POST /charge {key, orderId, amount}. It charges a key once, declines what is above 500,
and writes each charge to stdout.  provider.py PORT_FILE [PORT]"""
import http.server
import json
import os
import sys
import threading

charged, lock = {}, threading.Lock()


class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        charge = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with lock:
            code = charged.get(charge["key"])
            if code is None:
                code = charged[charge["key"]] = 402 if float(charge["amount"]) > 500 else 200
                print(f"charge {charge['orderId']} {charge['amount']} {code}", flush=True)
        self.send_response(code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Provider)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
