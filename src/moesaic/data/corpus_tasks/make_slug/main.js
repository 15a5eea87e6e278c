function makeSlug(heading) {
    return heading.toLowerCase().split(/[^a-z0-9]+/).filter((word) => word !== "").join("-");
}

const heading = require("fs").readFileSync(0, "utf8").trim();
console.log(makeSlug(heading));
