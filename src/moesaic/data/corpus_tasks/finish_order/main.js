function finishOrder(times, turn) {
    const queue = times.map((time, index) => [index + 1, time]);
    const finished = [];
    while (queue.length > 0) {
        const [job, time] = queue.shift();
        if (time > turn) {
            queue.push([job, time - turn]);
        } else {
            finished.push(job);
        }
    }
    return finished;
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const turn = Number(lines[0]);
const times = lines[1].split(" ").map(Number);
console.log(finishOrder(times, turn).join("\n"));
