import * as fs from "fs";

function parseQueryString(address: string): Map<string, string> {
    const parameters = new Map<string, string>();
    const [, query] = address.split("?");
    for (const parameter of query.split("&")) {
        const [name, value] = parameter.split("=");
        parameters.set(name, value.split("+").join(" "));
    }
    return parameters;
}

const address = fs.readFileSync(0, "utf8").trim();
const parameters = parseQueryString(address);
for (const name of [...parameters.keys()].sort()) {
    console.log(`${name}: ${parameters.get(name)}`);
}
