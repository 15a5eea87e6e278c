function daysUntilWarmer(temperatures) {
    const waits = temperatures.map(() => 0);
    const stack = [];
    temperatures.forEach((temperature, day) => {
        while (stack.length > 0 && temperatures[stack[stack.length - 1]] < temperature) {
            const coldDay = stack.pop();
            waits[coldDay] = day - coldDay;
        }
        stack.push(day);
    });
    return waits;
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(daysUntilWarmer(input.split(" ").map(Number)).join(" "));
