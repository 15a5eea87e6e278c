function parseQueryString(address) {
    return new URLSearchParams(address.slice(address.indexOf("?")));
}

const address = require("fs").readFileSync(0, "utf8").trim();
const parameters = parseQueryString(address);
for (const name of [...new Set(parameters.keys())].sort()) {
    const values = parameters.getAll(name);
    console.log(`${name}: ${values[values.length - 1]}`);
}
