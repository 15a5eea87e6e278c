class ParkingLot {
    constructor(places) {
        this.cars = Array(places).fill(null);
    }

    enter(car) {
        const place = this.cars.indexOf(null);
        if (place < 0) {
            return "full";
        }
        this.cars[place] = car;
        return place + 1;
    }

    leave(car) {
        const place = this.cars.indexOf(car);
        this.cars[place] = null;
        return place + 1;
    }
}

function parkingLot(places, commands) {
    const lot = new ParkingLot(places);
    for (const [command, car] of commands) {
        console.log(command === "in" ? lot.enter(car) : lot.leave(car));
    }
}

const [places, ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
parkingLot(Number(places), lines.map((line) => line.split(" ")));
