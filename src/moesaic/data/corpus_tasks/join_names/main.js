function joinNames(names) {
    return names.join(", ").replace(/, (\w+)$/, " and $1");
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(joinNames(input.split(" ")));
