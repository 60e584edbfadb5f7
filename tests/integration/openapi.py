# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks answers of the daemon against its OpenAPI document.

    checker = openapi.Checker(openapi.from_build('build'))     # or: Checker(document)
    checker.check('GET', '/v1/domains', 200, {'Content-Type': 'application/json'}, body)
    checker.session(requests_session)                          # checks each answer of a requests.Session

An answer that the document does not promise raises AssertionError and says what is wrong with it.
"""
import json
import re
import subprocess
from urllib.parse import urlsplit

import jsonschema


def from_build(build='build'):
    """The document that the build's skep-openapi prints."""
    return json.loads(subprocess.run([f'{build}/tools/skep-openapi'], check=True, capture_output=True).stdout)


class Checker:
    def __init__(self, document):
        self.document = document
        self.seen = set()       # (method, path of the document, status) of all answers checked
        self.paths = []
        for path, item in document['paths'].items():
            pattern = re.compile('/'.join('[^/]+' if part.startswith('{') else re.escape(part) for part in path.split('/')) + '$')
            self.paths.append((path.count('{'), pattern, path, item))
        self.paths.sort(key=lambda row: row[0])     # fixed texts before parameters

    def operation(self, method, url):
        """The document's path and operation for a request; (None, None) if it has none."""
        path, wanted = urlsplit(url).path, method.lower()
        for _, pattern, name, item in self.paths:
            if not pattern.match(path):
                continue
            if wanted in item:
                return name, item[wanted]
            if wanted == 'head' and 'get' in item:
                return name, item['get']
        return None, None

    def check(self, method, url, status, headers, body):
        """body: bytes. Requests to what is not in the document must be refused, as an error."""
        name, operation = self.operation(method, url)
        where = f'{method} {url} answered {status}'
        self.seen.add((method, name, status))
        if operation is None:
            assert status >= 400 or method.upper() == 'OPTIONS', f'{where}, and the document does not have it'
            promised = {'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Error'}}}}
        else:
            promised = operation['responses'].get(str(status))
            if promised is None:
                assert status >= 400, f'{where}, which the document does not promise'
                promised = operation['responses']['default']
        self._check_body(where, method, promised, headers, body)

    def _check_body(self, where, method, promised, headers, body):
        kind = (headers.get('Content-Type') or '').split(';')[0].strip()
        content = promised.get('content')
        if content is None or method.upper() in ('HEAD', 'OPTIONS'):
            assert not body, f'{where} with a body that the document does not promise: {body[:200]!r}'
            return
        assert kind in content, f'{where} as "{kind}", the document promises {list(content)}'
        if kind == 'application/json':
            self._check_json(where, content[kind]['schema'], body)

    def _check_json(self, where, schema, body):
        try:
            value = json.loads(body)
        except ValueError as error:
            raise AssertionError(f'{where} with what is no JSON: {error}: {body[:200]!r}') from None
        whole = {**schema, 'components': self.document['components']}
        errors = list(jsonschema.Draft202012Validator(whole).iter_errors(value))
        assert not errors, f'{where}: {errors[0].json_path}: {errors[0].message}'

    def session(self, session):
        """Checks every answer of a requests.Session that is not streamed."""
        def hook(response, **options):
            if not options.get('stream'):
                self.check(response.request.method, response.request.url, response.status_code, response.headers, response.content)
        session.hooks['response'].append(hook)
        return session
