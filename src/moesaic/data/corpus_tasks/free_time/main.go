package main

import "fmt"

const dayStart, dayEnd = 9 * 60, 17 * 60

func freeTime(meetings [][2]int) int {
	var busy [dayEnd]bool
	for _, meeting := range meetings {
		for minute := meeting[0]; minute < meeting[1]; minute++ {
			busy[minute] = true
		}
	}
	free := 0
	for _, isBusy := range busy[dayStart:] {
		if !isBusy {
			free++
		}
	}
	return free
}

func main() {
	var meetings [][2]int
	for {
		var hour, minute, endHour, endMinute int
		_, err := fmt.Scanf("%d:%d-%d:%d\n", &hour, &minute, &endHour, &endMinute)
		if err != nil {
			break
		}
		meetings = append(meetings, [2]int{60*hour + minute, 60*endHour + endMinute})
	}
	fmt.Println(freeTime(meetings))
}
