function leaderOf(leaders, person) {
    return leaders[person] === person ? person : leaderOf(leaders, leaders[person]);
}

function countGroups(people, friends) {
    const leaders = [...Array(people + 1).keys()];
    let groups = people;
    for (const [first, second] of friends) {
        const [a, b] = [leaderOf(leaders, first), leaderOf(leaders, second)];
        if (a !== b) {
            leaders[a] = b;
            groups--;
        }
    }
    return groups;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const friends = lines.slice(1).map((line) => line.split(" ").map(Number));
console.log(countGroups(Number(lines[0]), friends));
