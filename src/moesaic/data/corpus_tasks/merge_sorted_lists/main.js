function mergeSortedLists(first, second) {
    const merged = [];
    let [i, j] = [0, 0];
    while (i < first.length && j < second.length) {
        merged.push(first[i] <= second[j] ? first[i++] : second[j++]);
    }
    return [...merged, ...first.slice(i), ...second.slice(j)];
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const first = lines[0].split(" ").map(Number);
const second = lines[1].split(" ").map(Number);
console.log(mergeSortedLists(first, second).join("\n"));
