<?php

declare(strict_types=1);

class ParkingLot
{
    private array $cars;

    public function __construct(int $places)
    {
        $this->cars = array_fill(1, $places, null);
    }

    public function enter(string $car): int|string
    {
        $place = array_search(null, $this->cars, true);
        if ($place === false) {
            return 'full';
        }
        $this->cars[$place] = $car;
        return $place;
    }

    public function leave(string $car): int
    {
        $place = array_search($car, $this->cars, true);
        $this->cars[$place] = null;
        return $place;
    }
}

function parkingLot(int $places, array $commands): void
{
    $lot = new ParkingLot($places);
    foreach ($commands as $command) {
        [$action, $car] = explode(' ', trim($command));
        echo $action === 'in' ? $lot->enter($car) : $lot->leave($car), PHP_EOL;
    }
}

$lines = file('php://stdin');
parkingLot((int) $lines[0], array_slice($lines, 1));
