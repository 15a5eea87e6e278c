import * as fs from "fs";

function parkingLot(count: number, commands: string[][]): Array<number|string> {
    const places = new Map<string, number>();
    const taken = (place: number): boolean => [...places.values()].includes(place);
    return commands.map(([command, car]) => {
        if (command === "out") {
            const place = places.get(car)!;
            places.delete(car);
            return place;
        }
        for (let place = 1; place <= count; place++) {
            if (!taken(place)) {
                places.set(car, place);
                return place;
            }
        }
        return "full";
    });
}

const [count, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const commands = lines.map((line) => line.split(" "));
console.log(parkingLot(Number(count), commands).join("\n"));
