import * as fs from "fs";

type Job = {
    id: number; time: number
};

function finishOrder(turn: number, times: number[]): number[] {
    const queue: Job[] = times.map((time, index) => ({id: index + 1, time}));
    const finished: number[] = [];
    while (queue.length > 0) {
        const job = queue.shift()!;
        job.time -= turn;
        if (job.time > 0) {
            queue.push(job);
        } else {
            finished.push(job.id);
        }
    }
    return finished;
}

const [turn, times] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(finishOrder(Number(turn), times.split(" ").map(Number)).join("\n"));
