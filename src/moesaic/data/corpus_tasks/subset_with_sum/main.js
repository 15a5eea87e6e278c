function subsetWithSum([first, ...rest], target) {
    if (target === 0 || first === undefined) {
        return target === 0;
    }
    return subsetWithSum(rest, target) || subsetWithSum(rest, target - first);
}

const [target, weights] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(subsetWithSum(weights.split(" ").map(Number), Number(target)) ? "yes" : "no");
