function newerVersion(first, second) {
    const one = first.split(".").map(Number);
    const other = second.split(".").map(Number);
    for (let i = 0; i < one.length || i < other.length; i++) {
        const difference = (one[i] || 0) - (other[i] || 0);
        if (difference !== 0) {
            return difference > 0 ? first : second;
        }
    }
    return "equal";
}

const [first, second] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(newerVersion(first, second));
