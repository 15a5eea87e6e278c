function recentCalls(times) {
    const queue = [];
    return times.map((time) => {
        queue.push(time);
        while (time - queue[0] >= 60) {
            queue.shift();
        }
        return queue.length;
    });
}

const input = require("fs").readFileSync(0, "utf8").trim();
const counts = recentCalls(input.split(" ").map(Number));
counts.forEach((count) => console.log(count));
