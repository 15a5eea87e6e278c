import * as fs from "fs";

interface State {
    passengers: number;
    leftBehind: number;
}

function busPassengers(state: State, seats: number, off: number, waiting: number): State {
    const wanted = state.passengers - off + waiting;
    const passengers = Math.min(wanted, seats);
    return {passengers, leftBehind: state.leftBehind + wanted - passengers};
}

const [first, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
let state: State = {passengers: 0, leftBehind: 0};
for (const line of lines) {
    const [off, waiting] = line.split(" ").map(Number);
    state = busPassengers(state, Number(first), off, waiting);
    console.log(state.passengers);
}
console.log(state.leftBehind);
