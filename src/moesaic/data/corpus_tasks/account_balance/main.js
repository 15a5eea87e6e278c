function accountBalance(bookings) {
    let balance = 0;
    for (const booking of bookings) {
        if (balance + booking >= 0) {
            balance += booking;
        }
    }
    return balance;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const bookings = input.split(" ").map(Number);
console.log(accountBalance(bookings));
