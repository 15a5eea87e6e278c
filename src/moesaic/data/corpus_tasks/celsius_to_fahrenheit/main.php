<?php

declare(strict_types=1);

function celsiusToFahrenheit(float $celsius): float
{
    return $celsius * 9 / 5 + 32;
}

$celsius = (float) fgets(STDIN);
printf("%.1f\n", celsiusToFahrenheit($celsius));
