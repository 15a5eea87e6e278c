function visibleTowers(towers) {
    let highest = 0;
    return towers
        .filter((tower) => {
            const visible = tower > highest;
            highest = Math.max(highest, tower);
            return visible;
        })
        .length;
}

const towers = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(visibleTowers(towers));
