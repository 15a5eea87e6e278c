function lastSurvivor(children, k) {
    const circle = Array.from({length: children}, (_, i) => i + 1);
    const order = [];
    let place = 0;
    while (circle.length > 0) {
        place = (place + k - 1) % circle.length;
        order.push(...circle.splice(place, 1));
    }
    return order;
}

const [children, k] = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(lastSurvivor(children, k).join(" "));
