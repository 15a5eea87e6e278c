import java.util.Scanner;

public class Main {
    static String letterGrade(int score) {
        if (score >= 90) {
            return "A";
        }
        if (score >= 75) {
            return "B";
        }
        if (score >= 60) {
            return "C";
        }
        return "F";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int score = in.nextInt();
        System.out.println(letterGrade(score));
    }
}
