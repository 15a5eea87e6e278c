function trappedRain(walls) {
    return walls.reduce((water, wall, i) => {
        const left = Math.max(...walls.slice(0, i + 1));
        const right = Math.max(...walls.slice(i));
        return water + Math.min(left, right) - wall;
    }, 0);
}

const walls = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(trappedRain(walls));
