function widestGap(posts) {
    posts.sort((a, b) => a - b);
    let [start, end] = posts;
    for (let i = 2; i < posts.length; i++) {
        if (posts[i] - posts[i - 1] > end - start) {
            [start, end] = [posts[i - 1], posts[i]];
        }
    }
    return [start, end];
}

const posts = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(...widestGap(posts));
