function firstRepeatedPage(links) {
    const visited = new Set();
    let page = 1;
    while (!visited.has(page)) {
        visited.add(page);
        page = links[page - 1];
    }
    return [page, visited.size];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const links = input.split(" ").map(Number);
console.log(firstRepeatedPage(links).join(" "));
