import * as fs from "fs";

class Groups {
    private readonly leaders = new Map<string, string>();

    constructor(public count: number) {
    }

    private leaderOf(person: string): string {
        const leader = this.leaders.get(person);
        return leader === undefined ? person : this.leaderOf(leader);
    }

    join(first: string, second: string): void {
        const leader = this.leaderOf(first);
        const other = this.leaderOf(second);
        if (leader !== other) {
            this.leaders.set(leader, other);
            this.count--;
        }
    }
}

function countGroups(people: number, friends: string[]): number {
    const groups = new Groups(people);
    for (const pair of friends) {
        const [first, second] = pair.split(" ");
        groups.join(first, second);
    }
    return groups.count;
}

const [people, ...friends] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(countGroups(Number(people), friends));
