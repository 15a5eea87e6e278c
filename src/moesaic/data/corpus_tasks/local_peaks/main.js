function localPeaks(heights) {
    return heights.filter((height, i) => height > heights[i - 1] && height > heights[i + 1]);
}

const heights = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(localPeaks(heights).join(" ") || "flat");
