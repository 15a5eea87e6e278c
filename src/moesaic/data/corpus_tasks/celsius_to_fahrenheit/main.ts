import * as fs from "fs";

function celsiusToFahrenheit(celsius: number): number {
    return celsius * 9 / 5 + 32;
}

const celsius = parseFloat(fs.readFileSync(0, "utf8"));
console.log(celsiusToFahrenheit(celsius).toFixed(1));
