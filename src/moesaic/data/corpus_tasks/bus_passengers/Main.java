import java.util.Scanner;

public class Main {
    static class Bus {
        final int seats;
        int passengers;
        int leftBehind;

        Bus(int seats) {
            this.seats = seats;
        }

        void stop(int gettingOff, int waiting) {
            passengers += waiting - gettingOff;
            if (passengers > seats) {
                leftBehind += passengers - seats;
                passengers = seats;
            }
        }
    }

    static void busPassengers(Scanner in) {
        Bus bus = new Bus(in.nextInt());
        while (in.hasNextInt()) {
            bus.stop(in.nextInt(), in.nextInt());
            System.out.println(bus.passengers);
        }
        System.out.println(bus.leftBehind);
    }

    public static void main(String[] args) {
        busPassengers(new Scanner(System.in));
    }
}
