import * as fs from "fs";

function accountBalance(bookings: number[]): number {
    return bookings.reduce((balance, booking) => {
        const next = balance + booking;
        return next < 0 ? balance : next;
    }, 0);
}

const bookings = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(accountBalance(bookings));
