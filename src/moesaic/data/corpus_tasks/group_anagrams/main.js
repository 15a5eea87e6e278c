function groupAnagrams(words) {
    const groups = new Map();
    for (const word of words) {
        const key = [...word].sort().join("");
        groups.set(key, [...(groups.get(key) || []), word]);
    }
    return [...groups.values()];
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
for (const group of groupAnagrams(words)) {
    console.log(group.join(" "));
}
