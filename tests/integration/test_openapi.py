# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checker of answers itself: it has to find what is wrong."""
import json
import os

import pytest

import openapi

BUILD = os.environ.get('SKEP_BUILD', os.path.join(os.path.dirname(__file__), '../../build'))
JSON = {'Content-Type': 'application/json'}
ERROR = json.dumps({'error': {'code': 'no-domain', 'message': 'there is no domain "x"'}}).encode()


@pytest.fixture(scope='module')
def checker():
    if not os.path.exists(f'{BUILD}/tools/skep-openapi'):
        pytest.skip(f'{BUILD}/tools/skep-openapi is not built')
    return openapi.Checker(openapi.from_build(BUILD))


@pytest.mark.parametrize('method,url,status,headers,body', [
    ('GET', '/v1/domains', 200, JSON, b'{"items":[]}'),
    ('GET', 'https://h:1/v1/domains?limit=3', 200, JSON, b'{"items":[],"next":"a"}'),
    ('GET', '/v1/domains/x', 404, JSON, ERROR),
    ('GET', '/v1/domains/x', 304, {}, b''),
    ('HEAD', '/v1/domains/x', 200, JSON, b''),
    ('POST', '/v1/images/build', 202, JSON, b'{"id":"1","state":"queued"}'),
    ('POST', '/v1/domains?wait=3', 200, JSON, b'{"id":"1","result":{"name":"web1"}}'),
    ('DELETE', '/v1/domains/x?wait=3', 200, JSON, b'{"id":"1","state":"done"}'),
    ('DELETE', '/v1/tokens/x', 204, {}, b''),
    ('GET', '/nowhere', 404, JSON, ERROR),
    ('OPTIONS', '/v1/domains', 204, {}, b''),
    ('GET', '/v1/pools/p/volumes/v/data', 206, {'Content-Type': 'application/octet-stream'}, b'\0\1'),
])
def test_right_answers(checker, method, url, status, headers, body):
    checker.check(method, url, status, headers, body)


@pytest.mark.parametrize('method,url,status,headers,body', [
    ('GET', '/v1/domains', 200, JSON, b'{"items":{}}'),
    ('GET', '/v1/domains', 200, JSON, b'[]'),
    ('GET', '/v1/domains', 200, JSON, b'{"items":[{"nonsense":1}]}'),
    ('GET', '/v1/domains', 200, JSON, b'{"items":[{"state":"flying"}]}'),
    ('GET', '/v1/domains', 200, JSON, b'{'),
    ('GET', '/v1/domains', 200, {'Content-Type': 'text/html'}, b'{"items":[]}'),
    ('GET', '/v1/domains', 201, JSON, b'{"items":[]}'),
    ('GET', '/v1/domains/x', 404, JSON, b'{"error":"gone"}'),
    ('GET', '/v1/domains/x', 404, JSON, b'{"error":{"code":"lost","message":"x"}}'),
    ('GET', '/v1/domains/x', 304, {}, b'x'),
    ('GET', '/nowhere', 200, JSON, b'{}'),
    ('DELETE', '/v1/tokens/x', 204, {}, b'{}'),
    ('POST', '/v1/domains', 200, JSON, b'{"id":"1","result":{"nonsense":1}}'),
])
def test_wrong_answers(checker, method, url, status, headers, body):
    with pytest.raises(AssertionError):
        checker.check(method, url, status, headers, body)
