function sortFlagColors(stripes) {
    const place = {r: 0, w: 1, b: 2};
    return stripes.sort((left, right) => place[left] - place[right]);
}

const stripes = require("fs").readFileSync(0, "utf8").trim().split("");
console.log(sortFlagColors(stripes).join(""));
