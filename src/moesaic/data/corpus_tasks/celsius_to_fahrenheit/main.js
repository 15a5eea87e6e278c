function celsiusToFahrenheit(celsius) {
    return (celsius * 9) / 5 + 32;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const celsius = Number(input);
console.log(celsiusToFahrenheit(celsius).toFixed(1));
