// SPDX-License-Identifier: LGPL-2.1-or-later
// Checks an OpenAPI document: node check.js openapi.json. What is wrong goes to standard error.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';

const validator = new Validator();
const document = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const result = await validator.validate(document);

if (!result.valid) {
    console.error(JSON.stringify(result.errors, null, 2));
    process.exit(1);
}
if (validator.version !== '3.1') {
    console.error(`the document is of version ${validator.version}, not 3.1`);
    process.exit(1);
}
// Ids name the functions of generated clients, and every reference must lead somewhere.
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
const ids = operations.map((operation) => operation.operationId);
const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
const dangling = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)]
    .map((match) => match[1])
    .filter((name) => !(name in document.components.schemas));
if (twice.length > 0 || dangling.length > 0) {
    console.error(`operationId twice: ${twice}; schemas missing: ${dangling}`);
    process.exit(1);
}
console.log(`valid OpenAPI ${validator.version}: ${operations.length} operations`);
