function editDistance(first, second) {
    let above = [...second, ""].map((_, index) => index);
    for (let i = 1; i <= first.length; i++) {
        const row = [i];
        for (let j = 1; j <= second.length; j++) {
            if (first[i - 1] === second[j - 1]) {
                row.push(above[j - 1]);
            } else {
                row.push(1 + Math.min(above[j - 1], above[j], row[j - 1]));
            }
        }
        above = row;
    }
    return above[second.length];
}

const [first, second] = require("fs").readFileSync(0, "utf8").split("\n");
console.log(editDistance(first, second));
