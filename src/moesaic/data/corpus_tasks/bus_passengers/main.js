function busPassengers(seats, stops) {
    let passengers = 0;
    let leftBehind = 0;
    for (const [off, waiting] of stops) {
        const free = seats - (passengers - off);
        const on = Math.min(free, waiting);
        passengers += on - off;
        leftBehind += waiting - on;
        console.log(passengers);
    }
    console.log(leftBehind);
}

const [seats, ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
busPassengers(Number(seats), lines.map((line) => line.split(" ").map(Number)));
